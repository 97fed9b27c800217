"""The store itself: formats, durable writes, objects, builds, generations. Runs on both sides."""
