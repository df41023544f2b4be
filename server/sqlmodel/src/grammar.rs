//! The query form as a sequence of steps: fixed actions and pointers at columns, tables and literal candidates.
