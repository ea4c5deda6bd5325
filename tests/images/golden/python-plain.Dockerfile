FROM python:3.13-slim
ENV PYTHONUNBUFFERED=1

COPY . /app/
WORKDIR /app
USER 65532:65532
CMD ["/bin/sh", "-c", "exec python3 app.py"]
