FROM mcr.microsoft.com/dotnet/sdk:9.0 AS build
ENV DOTNET_CLI_TELEMETRY_OPTOUT=1 \
    DOTNET_NOLOGO=1 \
    NUGET_PACKAGES=/root/.cache/nuget
WORKDIR /app
COPY ["nuget.config", "/app/"]
COPY ["src/Shop/Shop.csproj", "/app/src/Shop/"]
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; dotnet restore src/Shop/Shop.csproj
COPY . /app/
ARG PUSHPAKA_ENV
RUN --mount=type=cache,id=pushpaka,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=env,target=/run/secrets/env \
    set -a; . /run/secrets/env; set +a; dotnet publish src/Shop/Shop.csproj --configuration Release --output _published

FROM mcr.microsoft.com/dotnet/aspnet:9.0
COPY --from=build /app/_published /app/_published
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "ASPNETCORE_URLS=http://${HOST:-0.0.0.0}:$PORT exec dotnet _published/Shop.dll"]
