"""What people say about answers: labels that wait until they are accepted, pictures that were given with consent."""
