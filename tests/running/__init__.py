"""Programs of the product as a user runs them, in processes of their own, and what they publish."""
