"""What makes things: the package, the template, the OpenAPI document. Never in the deployed package."""
