"""Plots the sum of two waves."""

import math

import streamlit as st

st.set_page_config(page_title="Waves")
st.title("Waves")

first = st.slider("First frequency", 1, 10, 3)
second = st.slider("Second frequency", 1, 10, 4)

points = [step / 200 * 2 * math.pi for step in range(201)]
st.line_chart([math.sin(first * x) + math.sin(second * x) for x in points])
