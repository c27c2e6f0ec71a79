"""How long EVs stay, before a site has learned its own figures: quantiles in minutes per class of connector.

Pure data, made by `tests/tools/make_prior.py`; do not edit. Quantile i is that of i/64; the last
one is set so that the mean of the longest 1/64 is right. `tail_min` is what is still to come of stays that last
even longer: the median, for what has outlasted nearly all is no usual stay, and nothing is known of it.

Sources and licences:
- DC_FAST: 937 sessions of one 172 kW station, Switzerland 2022: DESL-EPFL/Level-3-EV-charging-dataset, licence
  MIT, copyright 2025 DESL-EPFL.
- DC_50: 32,511 and AC: 15,842 sessions of Perth & Kinross Council (2016-2019) and Dundee City Council (2018), as
  published by the councils. Contains public sector information licensed under the Open Government Licence v3.0.
"""

from collections.abc import Mapping

from agent.core.stays import StayClass, StayTable

# fmt: off
PRIOR: Mapping[StayClass, StayTable] = {
    StayClass.DC_FAST: StayTable(
        tail_min=30.0,
        quantiles_min=(
            4.6, 7.2, 9.1, 10.6, 11.8, 12.5, 13.2, 14.3, 15.3, 16.2, 16.9, 17.5, 18.1,
            18.6, 19.4, 19.9, 20.5, 21.2, 21.9, 22.6, 23.1, 23.8, 24.6, 25.2, 25.7, 26.2,
            26.7, 27.3, 27.9, 28.4, 29.0, 29.6, 30.0, 30.4, 30.9, 31.4, 32.0, 32.6, 33.2,
            33.8, 34.4, 35.2, 36.0, 36.8, 37.6, 38.7, 39.6, 40.3, 41.2, 42.1, 42.8, 43.4,
            44.8, 46.7, 47.8, 49.4, 50.8, 52.3, 53.8, 55.8, 58.5, 61.1, 66.2, 74.5, 100.4,
        ),
    ),
    StayClass.DC_50: StayTable(
        tail_min=24.2,
        quantiles_min=(
            1.5, 4.2, 5.8, 7.1, 8.1, 9.0, 9.9, 10.6, 11.3, 12.0, 12.6, 13.3, 14.0,
            14.6, 15.2, 15.8, 16.4, 17.0, 17.6, 18.2, 18.7, 19.3, 19.8, 20.3, 20.8, 21.2,
            21.7, 22.1, 22.5, 22.9, 23.3, 23.7, 24.2, 24.6, 25.1, 25.7, 26.2, 26.8, 27.4,
            28.1, 28.8, 29.5, 30.1, 30.8, 31.4, 32.1, 32.8, 33.7, 34.6, 35.6, 36.7, 37.9,
            39.1, 40.5, 42.0, 43.6, 45.5, 47.7, 50.4, 53.5, 57.4, 59.7, 60.1, 60.5, 70.3,
        ),
    ),
    StayClass.AC: StayTable(
        tail_min=146.2,
        quantiles_min=(
            1.5, 5.5, 9.5, 12.4, 15.4, 17.9, 20.5, 22.9, 25.2, 28.0, 31.1, 34.3, 37.8,
            40.9, 44.1, 48.3, 52.1, 55.7, 59.2, 60.0, 60.5, 62.3, 69.3, 76.2, 82.8, 89.4,
            96.5, 104.2, 111.3, 119.2, 128.5, 137.0, 146.2, 155.2, 164.4, 175.2, 185.7, 197.4, 208.0,
            219.3, 231.1, 244.5, 259.2, 278.9, 300.7, 321.2, 342.5, 373.1, 413.9, 462.7, 502.5, 532.5,
            550.9, 569.4, 590.7, 619.5, 663.6, 780.6, 863.6, 922.2, 980.9, 1046.7, 1114.6, 1220.8, 1406.5,
        ),
    ),
}
