"""One file for each noun of the API; ``core.http.mount`` puts the routes into the app."""
