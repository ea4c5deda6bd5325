"""Sample objects, in the format in which an instance sends them."""

USER = {
    "id": "6f1c0b9e-7c1d-4b7a-9d2e-0a4b8c6d2f10",
    "email": "ann@example.com",
    "name": "Ann",
    "role": "user",
    "created_at": "2026-03-01T12:00:00Z",
}
DEPLOYMENT = {
    "id": USER["id"],
    "project_id": USER["id"],
    "user_id": USER["id"],
    "target": "production",
    "kind": "deploy",
    "sequence": 1,
    "branch": "main",
    "status": "running",
    "created_at": "2026-03-01T12:00:00.123456Z",
}
