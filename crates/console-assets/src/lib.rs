//! tagwerk-console-assets
