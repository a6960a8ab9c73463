"""Commands for people who run a deployed stage. Never in the deployed package."""
