"""What every route uses: requests, validation, problems, paging, the authorizer."""
