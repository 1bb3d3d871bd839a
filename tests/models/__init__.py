"""Models of locks that nobody sells, to try what tables alone can do."""
