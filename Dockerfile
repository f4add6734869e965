# The operator as an image: one static-enough binary, no shell, an unprivileged user.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package operator

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/linnet /usr/local/bin/linnet
ENTRYPOINT ["/usr/local/bin/linnet"]
