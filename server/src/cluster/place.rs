//! Where other processes reach this one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tidegate_schema::model::ModelPlace;

/// The place of a process that listens at `bound`. What is configured counts; an address that stands for every
/// interface is no place, and the one that leads to the first controller is taken.
pub fn place(advertised: &str, bound: SocketAddr, controllers: &[String]) -> ModelPlace {
    let host = if advertised.is_empty() {
        host_of(bound.ip(), controllers)
    } else {
        advertised.to_owned()
    };
    ModelPlace {
        host,
        port: bound.port(),
    }
}

fn host_of(ip: IpAddr, controllers: &[String]) -> String {
    if !ip.is_unspecified() {
        return ip.to_string();
    }
    controllers
        .iter()
        .find_map(|address| leading_to(address))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
        .to_string()
}

/// The address of this machine's that leads to another. Nothing is sent for it.
fn leading_to(controller: &str) -> Option<IpAddr> {
    let authority = controller
        .split_once("://")
        .map_or(controller, |(_, behind)| behind);
    let authority = authority.split(['/', ',']).next()?.trim();
    let socket = if authority.starts_with('[') {
        UdpSocket::bind("[::]:0").ok()?
    } else {
        UdpSocket::bind("0.0.0.0:0").ok()?
    };
    let with_port = if authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
    {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    socket.connect(with_port).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_what_is_configured_or_bound_or_leads_to_a_controller() {
        let bound = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let at = |advertised: &str, address: &str, controllers: &[&str]| {
            let controllers: Vec<String> = controllers.iter().map(|&one| one.to_owned()).collect();
            let place = place(advertised, bound(address), &controllers);
            (place.host, place.port)
        };
        let here = ("127.0.0.1".to_owned(), 8001);
        assert_eq!(at("gpu-1", "0.0.0.0:8001", &[]).0, "gpu-1");
        assert_eq!(at("", "127.0.0.1:8001", &["http://10.0.0.1:8000"]), here);
        assert_eq!(at("", "0.0.0.0:8001", &[]), here);
        assert_eq!(at("", "0.0.0.0:8001", &["http://127.0.0.1:8000/"]), here);
        assert_eq!(
            at("", "0.0.0.0:8001", &["127.0.0.1:8000,127.0.0.1:8010"]),
            here
        );
    }
}
