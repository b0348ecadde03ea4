//! GoogleSQL: lexer, parser, analyzer and resolved tree; knows no server.
