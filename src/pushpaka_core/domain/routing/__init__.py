"""Host names, custom domains and their verification."""
