"""The README and the site: blocks that run, commands that parse, links that lead somewhere."""
