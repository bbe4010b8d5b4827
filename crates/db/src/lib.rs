//! One database type over SQLite for virtual and real time.
