//! Serves the pages with made-up content, to look at them: `cargo run -p gateway --example web_preview [ADDR]`.

use gateway::{access, web};

#[path = "../src/web/fake/mod.rs"]
#[allow(dead_code)] // what only tests use
mod fake;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let config = web::WebConfig {
        bind: arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into()),
        ..web::WebConfig::default()
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "made-up content, beside the gateway's own clock"
    )]
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        domain::Timestamp(since.map_or(0, |s| s.as_millis() as i64))
    };
    let fake = match arguments.next().as_deref() {
        Some("empty") => fake::Fake::empty(now),
        Some(_) | None => fake::Fake::new(now),
    };
    let beating = fake.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            beating.beat();
        }
    });
    let listener = tokio::net::TcpListener::bind(&config.bind).await?;
    println!("dashboard: http://{}", listener.local_addr()?);
    axum::serve(listener, web::router(fake, config)).await?;
    Ok(())
}
