//! How browsers reach this server: where its page is, and what links to items begin with
//! (PROTOCOL.md, "Links to items"). It looks at the machine's addresses once: they may change later.

use std::net::{IpAddr, SocketAddr};

use chatshelf_common::text::LinkBase;

use crate::addresses;
use crate::engine::Links;
use crate::identity::own_name;
use crate::public_url::PublicUrl;
use crate::web_mode::WebMode;

/// The ways to a server.
#[derive(Debug)]
pub struct WebAddress {
    mode: WebMode,
    public_url: Option<PublicUrl>,
    port: u16,
    /// Under which addresses others reach it, the best first.
    ips: Vec<IpAddr>,
}

impl WebAddress {
    /// Finds those to a server that listens there.
    #[must_use]
    pub fn find(mode: WebMode, public_url: Option<PublicUrl>, listening: SocketAddr) -> Self {
        let ips = addresses::reachable(listening);
        Self { mode, public_url, port: listening.port(), ips }
    }

    /// Returns under which addresses others reach it, the best first.
    #[must_use]
    pub fn ips(&self) -> &[IpAddr] {
        &self.ips
    }

    /// Returns where the page is, if browsers are served.
    #[must_use]
    pub fn page(&self) -> Option<String> {
        if self.mode == WebMode::Off {
            return None;
        }
        let own = || match self.ips.first() {
            Some(ip) => format!("{}/", self.origin(*ip)),
            None => format!("{}//{}:{}/", self.scheme(true), own_name(), self.port),
        };
        Some(self.public_url.as_ref().map_or_else(own, ToString::to_string))
    }

    /// Returns what links to items begin with. Whoever comes from elsewhere has an address that
    /// leads here; whoever comes over loopback may not, and gets one of this machine.
    #[must_use]
    pub fn links(&self) -> Links {
        let told = match (self.mode, &self.public_url) {
            (WebMode::Off, _) => LinkBase::new("").ok(),
            (_, url) => url.as_ref().map(|url| url.origin().clone()),
        };
        if told.is_some() {
            return Links { here: told.clone(), private: told.clone(), public: told };
        }
        let base = |text: &str| LinkBase::new(text).ok();
        let [private, public] = [true, false].map(|is_private| base(self.scheme(is_private)));
        let best = self.ips.iter().find(|ip| !ip.is_loopback());
        let here = best.map_or_else(|| private.clone(), |ip| base(&self.origin(*ip)));
        Links { here, private, public }
    }

    fn origin(&self, ip: IpAddr) -> String {
        format!("{}//{}", self.scheme(WebMode::is_private(ip)), SocketAddr::new(ip, self.port))
    }

    /// Returns the scheme by which browsers on a private network are served, or others.
    fn scheme(&self, is_private: bool) -> &'static str {
        if is_private && self.mode == WebMode::Http { "http:" } else { "https:" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(mode: WebMode, public_url: Option<&str>, ips: &[&str]) -> WebAddress {
        let public_url = public_url.map(|url| url.parse().unwrap());
        let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
        WebAddress { mode, public_url, port: 9000, ips }
    }

    /// Here, on a private network, and elsewhere.
    fn links(address: &WebAddress) -> [String; 3] {
        let Links { here, private, public } = address.links();
        [here, private, public].map(|base| base.unwrap().as_str().to_owned())
    }

    #[test]
    fn on_this_machine_a_link_has_the_best_address_that_others_reach() {
        let ips = &["192.168.1.5", "2001:db8::5", "172.17.0.1"];
        let https = address(WebMode::Https, None, ips);
        assert_eq!(links(&https), ["https://192.168.1.5:9000", "https:", "https:"]);
        assert_eq!(https.page().unwrap(), "https://192.168.1.5:9000/");
        let http = address(WebMode::Http, None, ips);
        assert_eq!(links(&http), ["http://192.168.1.5:9000", "http:", "https:"]);
        let v6 = address(WebMode::Https, None, &ips[1..]);
        assert_eq!(links(&v6)[0], "https://[2001:db8::5]:9000");
    }

    #[test]
    fn plain_http_is_for_private_addresses() {
        let http = address(WebMode::Http, None, &["192.0.2.5"]);
        assert_eq!(links(&http), ["https://192.0.2.5:9000", "http:", "https:"]);
        assert_eq!(http.page().unwrap(), "https://192.0.2.5:9000/");
    }

    #[test]
    fn where_nobody_else_comes_in_the_address_that_was_dialled_will_do() {
        for ips in [&[][..], &["127.0.0.1"]] {
            assert_eq!(links(&address(WebMode::Https, None, ips)), ["https:"; 3]);
            assert_eq!(links(&address(WebMode::Http, None, ips)), ["http:", "http:", "https:"]);
        }
    }

    #[test]
    fn the_public_url_counts_before_all_others() {
        let url = Some("https://room.example.org/");
        let public = address(WebMode::Https, url, &["192.168.1.5"]);
        assert_eq!(links(&public), ["https://room.example.org"; 3]);
        assert_eq!(public.page().unwrap(), "https://room.example.org/");
    }

    #[test]
    fn without_browsers_there_are_no_links() {
        let off = address(WebMode::Off, Some("https://room.example.org"), &["192.168.1.5"]);
        assert_eq!(links(&off), [""; 3]);
        assert_eq!(off.page(), None);
    }
}
