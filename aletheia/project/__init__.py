"""The MLRun project: notebooks, the functions generated from them, and how it is opened and run."""
