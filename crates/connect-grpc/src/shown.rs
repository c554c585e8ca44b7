//! The services that reflection shows.

use connect::ServiceDescriptor;

use crate::{DESCRIPTORS, contract, health};

/// Services to show, and the descriptor set that declares them.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// A `google.protobuf.FileDescriptorSet` in binary form, with all that its files import.
    pub descriptors: &'static [u8],
    /// The services. Others that stand in the same files are left out of them.
    pub services: &'static [&'static ServiceDescriptor],
    /// The names of more files to show, such as that of the messages that errors carry.
    pub files: &'static [&'static str],
}

static HEALTH: [&ServiceDescriptor; 1] = [&health::health::SERVICE];
static REFLECTION: [&ServiceDescriptor; 1] = [&contract::server_reflection::SERVICE];

/// The services that this crate declares. A server that serves one of them shows it.
impl Shown {
    /// Health checks.
    pub const HEALTH: Self = Self::own(&HEALTH);
    /// Reflection.
    pub const REFLECTION: Self = Self::own(&REFLECTION);

    const fn own(services: &'static [&'static ServiceDescriptor]) -> Self {
        Self {
            descriptors: DESCRIPTORS,
            services,
            files: &[],
        }
    }
}
