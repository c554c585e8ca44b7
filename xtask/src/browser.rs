//! A headless browser for the tests: Debian's Chromium, unpacked, or an installed one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::debian::{self, WantedPackage};
use crate::process::output;
use crate::setup::{quote, write_script};
use crate::ui;
use crate::workspace::Workspace;

/// The program names of an installed Chromium or Google Chrome.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// The Debian packages to unpack.
const PROGRAM: &str = "usr/lib/chromium/chromium-headless-shell";

/// Fonts with Latin and Japanese letters. A machine without a desktop has none.
const FONTS: [&str; 2] = ["fonts-dejavu-core", "fonts-ipafont-gothic"];

/// Returns a browser that Playwright can drive. Debian's Chromium is unpacked into the private folder once (about 100
/// MB). If that fails, a browser from the `PATH` is used.
///
/// # Errors
/// There is no browser, and none can be unpacked. The message says how to install one.
pub async fn browser(workspace: &Workspace) -> Result<PathBuf> {
    let unpacked = Unpacked::new(workspace);
    let cause = match unpacked.get().await {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    match installed() {
        Some(program) => {
            ui::detail(format_args!(
                "{} is used: Debian's Chromium cannot be unpacked",
                program.display()
            ));
            Ok(program)
        }
        None => Err(cause.context(format!(
            "there is no Chromium or Chrome here, and Debian's cannot be unpacked.\n\
             Install one (Debian: `apt-get install chromium`; elsewhere your system's package, or Google's Chrome), so that \
             one of these is on the PATH: {}",
            NAMES.join(", ")
        ))),
    }
}

/// The first program of [`NAMES`] on the `PATH`.
fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let programs = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| is_program(program))
}

fn is_program(file: &Path) -> bool {
    let file = file.metadata();
    file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Debian's Chromium, in a folder of ours.
struct Unpacked {
    folder: PathBuf,
}

impl Unpacked {
    fn new(workspace: &Workspace) -> Unpacked {
        Unpacked {
            folder: workspace.private().join("browser"),
        }
    }

    async fn get(&self) -> Result<PathBuf> {
        let wanted = WantedPackage {
            packages: &["chromium-headless-shell", FONTS[0], FONTS[1]],
            family: &["chromium-"],
        };
        let root = debian::unpack(&wanted, &self.folder).await?;
        let fonts = self.folder.join("fonts.conf");
        std::fs::write(&fonts, fonts_configuration(&root, &self.folder))?;
        // A script, because the program does not find its libraries and fonts by itself.
        let script = self.folder.join("chromium");
        let libraries = debian::search_path(&library_folders(&root)?);
        write_script(
            &script,
            &format!(
                "FONTCONFIG_FILE={} LD_LIBRARY_PATH={} exec {} \"$@\"",
                quote(&fonts.to_string_lossy()),
                quote(&libraries.to_string_lossy()),
                quote(&root.join(PROGRAM).to_string_lossy()),
            ),
        )?;
        let version = output(std::process::Command::new(&script).arg("--version"))
            .context("the unpacked Chromium does not start")?;
        if version.trim().is_empty() {
            bail!("the unpacked Chromium does not print its version");
        }
        Ok(script)
    }
}

/// PulseAudio has a private library in a folder beside the others.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = debian::library_folders(root)?;
    let inner = folders.iter().map(|folder| folder.join("pulseaudio"));
    let inner: Vec<PathBuf> = inner.filter(|folder| folder.is_dir()).collect();
    Ok([folders, inner].concat())
}

/// The configuration that fontconfig needs on a system that has none. The Latin font comes first: the Japanese font
/// also has Latin letters, but they are as wide as the Japanese ones.
fn fonts_configuration(root: &Path, folder: &Path) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"urn:fontconfig:fonts.dtd\">\n<fontconfig>\n\
         <dir>{}</dir>\n<cachedir>{}</cachedir>\n\
         <match><edit name=\"family\" mode=\"append\" binding=\"strong\">\
         <string>DejaVu Sans</string><string>IPAPGothic</string></edit></match>\n</fontconfig>\n",
        escaped(&root.join("usr/share/fonts")),
        escaped(&folder.join("font-cache"))
    )
}

/// A path, escaped as XML text.
fn escaped(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_escaped_in_the_fonts_configuration() {
        let text = fonts_configuration(Path::new("/a&b"), Path::new("/c<d"));
        assert!(text.contains("<dir>/a&amp;b/usr/share/fonts</dir>"), "{text}");
        assert!(text.contains("<cachedir>/c&lt;d/font-cache</cachedir>"), "{text}");
    }

    #[test]
    fn only_an_executable_file_is_a_program() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("chromium");
        assert!(!is_program(&file), "the file does not exist");
        std::fs::write(&file, "").expect("written");
        assert!(!is_program(&file), "the file is not executable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
        assert!(is_program(&file));
        assert!(!is_program(folder.path()), "a folder is not a program");
    }
}
