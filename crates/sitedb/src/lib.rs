//! The site database: migrations, MP_* procedures, views.
