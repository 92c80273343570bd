//! One view model to HTML, JSON, JUnit and Markdown, and signed evidence
