"""Sources -> bundle. A straight pipeline, one type in and one type out per stage; read `build` first."""
