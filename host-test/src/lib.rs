//! The bundled host.
