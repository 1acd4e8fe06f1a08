"""While the store is away, and when it comes back: emergency pages, refused notifications, recovery."""
