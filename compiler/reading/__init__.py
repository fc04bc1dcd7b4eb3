"""Source files -> checked, frozen parts of `Sources`; one room per kind of file or section."""
