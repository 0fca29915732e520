//! Two machines on one network, made of namespaces of this one's kernel (Linux).

use std::process::Command;

use chatshelf_testkit::programs::command_of;

/// Two machines on one network, as far as programs can tell; gone when dropped. Their addresses are
/// 198.18.0.1 and 198.18.0.2.
pub(crate) struct Network([String; 2]);

impl Network {
    /// None, with a word about it, where it may not be made.
    pub(crate) fn make() -> Option<Self> {
        let unique = std::process::id();
        let names = [format!("shelf-{unique}-a"), format!("shelf-{unique}-b")];
        let network = Self(names.clone());
        let [a, b] = names;
        let (veth_a, veth_b) = (format!("va{unique}"), format!("vb{unique}"));
        let ip = |words: &str| {
            let mut command = command_of("ip");
            command.args(words.split(' ')).output().is_ok_and(|it| it.status.success())
        };
        let is_made = ip(&format!("netns add {a}"))
            && ip(&format!("netns add {b}"))
            && ip(&format!("link add {veth_a} netns {a} type veth peer name {veth_b} netns {b}"))
            && [(&a, &veth_a, 1), (&b, &veth_b, 2)].into_iter().all(|(host, veth, number)| {
                ip(&format!("-n {host} address add 198.18.0.{number}/24 dev {veth}"))
                    && ip(&format!("-n {host} link set lo up"))
                    && ip(&format!("-n {host} link set {veth} up"))
            });
        if !is_made {
            println!("no network can be made here, so this test checks nothing (root, iproute2)");
        }
        is_made.then_some(network)
    }

    /// This command on one of the machines.
    pub(crate) fn on(&self, machine: usize, command: &Command) -> Command {
        let mut inside = command_of("ip");
        inside.args(["netns", "exec", &self.0[machine]]).arg(command.get_program());
        inside.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = command_of("ip").args(["netns", "delete", name]).output();
        }
    }
}
