FROM eclipse-temurin:21-jdk AS build
ENV GRADLE_USER_HOME=/root/.cache/gradle
WORKDIR /app
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; sh gradlew --no-daemon -x test buildFatJar && find build/libs -maxdepth 1 -name '*-all.jar' ! -name '*-plain.jar' ! -name 'original-*.jar' ! -name '*-sources.jar' ! -name '*-javadoc.jar' ! -name '*-tests.jar' -exec install -D {} _built/app.jar \; -quit

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
COPY --from=build /app/_built /app/_built
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "exec java $JAVA_OPTS -jar _built/app.jar"]
