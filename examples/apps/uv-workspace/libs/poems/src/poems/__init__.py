"""The first lines of a poem by Christina Rossetti."""

LINES = (
    "Who has seen the wind?",
    "Neither I nor you:",
    "But when the leaves hang trembling,",
    "The wind is passing through.",
)
