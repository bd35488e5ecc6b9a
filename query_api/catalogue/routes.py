"""The addresses of the catalogue."""

from query_api.analytics_route import AnalyticsRoute
from query_api.catalogue.models import (
    CatalogueEvents,
    CatalogueEventsParameters,
    CatalogueGroups,
    CatalogueGroupsParameters,
    CatalogueProperties,
    CataloguePropertiesParameters,
    CatalogueValues,
    CatalogueValuesParameters,
)
from query_api.catalogue.reading import (
    read_catalogue_events,
    read_catalogue_groups,
    read_catalogue_properties,
    read_catalogue_values,
)

CATALOGUE_ROUTES = (
    AnalyticsRoute(
        "GET",
        "catalogue/events",
        "catalogue_events",
        "Which events there are",
        CatalogueEventsParameters,
        CatalogueEvents,
        read_catalogue_events,
    ),
    AnalyticsRoute(
        "GET",
        "catalogue/groups",
        "catalogue_groups",
        "Which types of groups there are",
        CatalogueGroupsParameters,
        CatalogueGroups,
        read_catalogue_groups,
    ),
    AnalyticsRoute(
        "GET",
        "catalogue/properties",
        "catalogue_properties",
        "Which properties there are",
        CataloguePropertiesParameters,
        CatalogueProperties,
        read_catalogue_properties,
    ),
    AnalyticsRoute(
        "GET",
        "catalogue/values",
        "catalogue_values",
        "Which values a property has",
        CatalogueValuesParameters,
        CatalogueValues,
        read_catalogue_values,
    ),
)
