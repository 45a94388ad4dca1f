"""One folder per room of the package."""
