# The operator as an image: one static-enough binary, no shell, an unprivileged user. With `--target demo`, the
# application of the demo.
FROM rust:1.95-bookworm AS source
RUN apt-get update && apt-get install -y --no-install-recommends cmake
WORKDIR /src
COPY . .

FROM source AS build-demo
RUN cargo build --release --locked --package e2e-node

FROM gcr.io/distroless/cc-debian12:nonroot AS demo
ARG VERSION=latest
ENV VERSION=$VERSION
COPY --from=build-demo /src/target/release/e2e-node /usr/local/bin/e2e-node
ENTRYPOINT ["/usr/local/bin/e2e-node", "demo"]

FROM source AS build
RUN cargo build --release --locked --package operator

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/linnet /usr/local/bin/linnet
ENTRYPOINT ["/usr/local/bin/linnet"]
