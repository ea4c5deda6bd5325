"""The client; the synchronous package is generated from the asynchronous one."""
