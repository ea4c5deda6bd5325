"""Password hashing, token signing, encryption at rest and the platform's keys."""
