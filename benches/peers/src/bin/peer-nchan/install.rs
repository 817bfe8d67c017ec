//! Where nginx and its module are, if they are anywhere.

use std::path::{Path, PathBuf};

/// The packages of Debian that have them.
const INSTALL: &str = "apt-get install nginx-light libnginx-mod-nchan";

/// Where an administrator's programs are; the search path of others often leaves it out.
const FOR_ADMINISTRATORS: &str = "/usr/sbin";

/// Where nginx looks for modules: Debian's place, and that of nginx's own packages.
const MODULES: [&str; 3] = ["/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/etc/nginx/modules"];

/// What has to be installed.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) nginx: PathBuf,
    pub(crate) module: PathBuf,
}

impl Installed {
    /// Looks for both; the error says what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from(FOR_ADMINISTRATORS)]).collect();
        Self::find_in(&places, &MODULES.map(PathBuf::from))
    }

    fn find_in(programs: &[PathBuf], modules: &[PathBuf]) -> Result<Self, String> {
        let nginx = first(programs, "nginx").ok_or_else(|| format!("nginx is not installed; try {INSTALL}"))?;
        let module = first(modules, "ngx_nchan_module.so");
        let module = module.ok_or_else(|| format!("nginx has no module nchan; try {INSTALL}"))?;
        Ok(Self { nginx, module })
    }
}

fn first(places: &[impl AsRef<Path>], name: &str) -> Option<PathBuf> {
    places.iter().map(|place| place.as_ref().join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told() {
        let (programs, modules) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let find = || {
            Installed::find_in(&[programs.path().to_owned()], &[modules.path().join("none"), modules.path().to_owned()])
        };
        assert!(find().unwrap_err().starts_with("nginx is not installed"));
        std::fs::write(programs.path().join("nginx"), "").unwrap();
        assert!(find().unwrap_err().starts_with("nginx has no module nchan"));
        std::fs::write(modules.path().join("ngx_nchan_module.so"), "").unwrap();
        let found = find().unwrap();
        assert_eq!(found.nginx, programs.path().join("nginx"));
        assert_eq!(found.module, modules.path().join("ngx_nchan_module.so"));
    }
}
