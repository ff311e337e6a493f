"""From files to a manifest: reading, checking, splitting, balancing and looking for bias."""
