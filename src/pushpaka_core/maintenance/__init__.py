"""Operations on an instance: preparing a start, exporting, importing, and rotating keys."""
