//! A browser without windows for the tests: Debian's Chromium, unpacked, or an installed one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::debian::{self, WantedPackage};
use crate::process::output;
use crate::setup::{quote, write_script};
use crate::ui;
use crate::workspace::Workspace;

/// What an installed Chromium, or Google's Chrome, is called.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// What Debian's packages bring.
const PROGRAM: &str = "usr/lib/chromium/chromium-headless-shell";

/// Fonts with Latin and Japanese letters, because a machine without a desktop has none.
const FONTS: [&str; 2] = ["fonts-dejavu-core", "fonts-ipafont-gothic"];

/// A program that Playwright can drive. Debian's is unpacked into the private folder, once, about 100 MB; where that cannot be,
/// one of the folders of `PATH` may have one.
///
/// # Errors
/// There is none, and none can be had: the message says how to get one.
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

/// The first of [`NAMES`] that is on the `PATH`.
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

/// Debian's, in a folder of ours.
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
        // A script, because the program finds neither its libraries nor its fonts by itself.
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
            bail!("the unpacked Chromium says nothing when it is asked for its version");
        }
        Ok(script)
    }
}

/// PulseAudio keeps a library of its own in a folder beside the others.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = debian::library_folders(root)?;
    let inner = folders.iter().map(|folder| folder.join("pulseaudio"));
    let inner: Vec<PathBuf> = inner.filter(|folder| folder.is_dir()).collect();
    Ok([folders, inner].concat())
}

/// What fontconfig needs to know where there is none of the system's configuration. Latin letters come first: the Japanese font
/// has some, too, as wide as its own.
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

/// A path as XML's text.
fn escaped(path: &Path) -> String {
    let path = path.to_string_lossy();
    path.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_text_in_the_fonts_configuration() {
        let text = fonts_configuration(Path::new("/a&b"), Path::new("/c<d"));
        assert!(text.contains("<dir>/a&amp;b/usr/share/fonts</dir>"), "{text}");
        assert!(text.contains("<cachedir>/c&lt;d/font-cache</cachedir>"), "{text}");
    }

    #[test]
    fn only_what_can_be_run_is_a_program() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("chromium");
        assert!(!is_program(&file), "it is not there");
        std::fs::write(&file, "").expect("written");
        assert!(!is_program(&file), "the file is not executable");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
        assert!(is_program(&file));
        assert!(!is_program(folder.path()), "a folder is none");
    }
}
