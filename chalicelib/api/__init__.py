"""HTTP: thin. Each module below declares the routes of one noun; ``http.mount`` puts them into the app."""
