# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION= TAGS=
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags "$TAGS" -trimpath -ldflags "-s -w -X example.com/prefab/app/server.version=$VERSION" -o /prefab .

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /prefab /prefab
LABEL org.opencontainers.image.title="Prefab"
USER 65532:65532
ENV APP_ENV=production HOST=0.0.0.0 PORT=3000 ADMIN_ADDR=0.0.0.0:3001
EXPOSE 3000 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --retries=3 CMD ["/prefab", "healthcheck"]
ENTRYPOINT ["/prefab"]
CMD ["serve"]
