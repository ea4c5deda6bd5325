FROM maven:3-eclipse-temurin-17 AS build
ENV MAVEN_OPTS=-Dmaven.repo.local=/root/.cache/maven \
    MAVEN_USER_HOME=/root/.cache/maven-wrapper
WORKDIR /app
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; mvn --batch-mode -DskipTests package && find target -maxdepth 1 -name '*.jar' ! -name '*-plain.jar' ! -name 'original-*.jar' ! -name '*-sources.jar' ! -name '*-javadoc.jar' ! -name '*-tests.jar' -exec install -D {} _built/app.jar \; -quit

FROM eclipse-temurin:17-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
COPY --from=build /app/_built /app/_built
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "exec java $JAVA_OPTS -Dserver.port=$PORT -jar _built/app.jar"]
