//! Line formats, strict parsers and disk locations of the product's logs.
