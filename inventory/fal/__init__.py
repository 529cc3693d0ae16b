"""The HTTP half: client, pages, walk and confirmation. The only package that imports httpx and httpcore."""
