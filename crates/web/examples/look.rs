#[path = "../tests/common/mod.rs"]
mod common;
#[tokio::main]
async fn main() {
    let house = common::House::full().await;
    house
        .receive(&[common::letter(
            "F-009",
            "2026-11-18T09:20:00Z",
            None,
            "pas encore lu",
        )])
        .await;
    let l = tokio::net::TcpListener::bind("127.0.0.1:8099")
        .await
        .unwrap();
    for n in ["F-001", "F-002", "F-003", "F-004", "R-0412"] {
        println!("{n} {}", house.id(n).await);
    }
    web::serve(house.office(), l, std::future::pending())
        .await
        .unwrap();
}
