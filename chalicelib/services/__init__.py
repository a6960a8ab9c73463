"""The use cases, one a file: load, decide, save. They know the domain and their own ports, not AWS and not HTTP."""
