"""Values to bytes and back, canonical and total; hashes. No I/O, no policy."""
