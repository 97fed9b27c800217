"""A store from which hosts fetch: putting streams there, and the URLs by which hosts find them."""
