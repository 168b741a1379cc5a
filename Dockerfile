# The gateway alone: no demo chain, no development packages. Needs /config/consentry.yaml and a volume at /data.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# With optional packages: the compiler is one for the platform.
RUN npm ci
COPY tsconfig.json ./
COPY src src
COPY web web
COPY scripts/build-web.ts scripts/build-web.ts
RUN npm run build

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:24-slim
ENV NODE_ENV=production \
    CONSENTRY_LISTEN__HOST=0.0.0.0 \
    CONSENTRY_LISTEN__PORT=8080 \
    CONSENTRY_DATA=/data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY policies policies
COPY models models
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve", "--config", "/config/consentry.yaml"]
