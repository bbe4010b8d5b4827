//! The cursor over XML text and the writer, with positions in errors.
