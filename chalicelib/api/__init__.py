"""HTTP: thin. ``routes/`` declares the calls, ``core/`` is what they share, ``answers/`` what callers are answered."""
